"""Layers that more than one network part is made of. A module takes plain arguments."""
