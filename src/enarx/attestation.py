"""Verification for programs: parse, authenticate, appraise; three stages with three types."""
