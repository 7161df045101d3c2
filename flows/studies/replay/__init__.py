"""`mtl replay`: past months through the real commands, in folders of their own."""
