"""The home of Signal: whether all is well, what needs somebody, what was delivered today and who saved what last."""
