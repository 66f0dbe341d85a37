"""Bags that a crash, a full disk or a bad block left behind, made readable again."""
