"""`make demo`: a champion, a challenger that takes over in live traffic, every upload counted."""
