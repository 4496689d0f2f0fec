"""The demo: a private database server, a shop to change, people, and two tickets."""
