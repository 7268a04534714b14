"""Teaching the quality gate: what is a whole hand, which way up, which way round, and are its bones bright?"""
