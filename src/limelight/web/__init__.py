"""The local page: a small HTTP API over the library, and one page of our own that uses it."""
