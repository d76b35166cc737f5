from oracles.fixtures import framework, fresh, small, subject

__all__ = ["framework", "fresh", "small", "subject"]
