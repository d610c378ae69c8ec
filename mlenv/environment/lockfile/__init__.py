"""What an environment shall hold: profiles, and the locks that are made from them."""
