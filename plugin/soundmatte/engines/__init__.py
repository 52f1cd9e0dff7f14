"""Separation engines: one interface (`engine`), and the engines that implement it."""
