"""Prints a greeting and its arguments."""

import sys

print("hello from Python in a keep")
for argument in sys.argv[1:]:
    print(f"argument: {argument}")
