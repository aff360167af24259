"""Bridges to frameworks, each imported on use: `tapeless.interop.torch` and its like."""
