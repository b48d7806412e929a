"""How a bank begins: starter banks for some trades, and a first bank from a few sentences."""
