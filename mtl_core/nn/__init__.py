"""Network layers of trunks, heads and inputs. Modules take plain arguments, no configuration objects."""
