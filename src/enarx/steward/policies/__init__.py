"""The Steward's policy: a document, its versions and who approved them."""
