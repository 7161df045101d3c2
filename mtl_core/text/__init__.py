"""Texts: tokens in the exported graph and in training, and the input type of a text."""
