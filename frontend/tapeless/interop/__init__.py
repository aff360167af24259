"""Solves, fields and operators inside other frameworks, each imported when its module is."""
