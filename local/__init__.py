"""The ring on one machine: every service and a Redis as processes of their own, and a conversation held with them."""
