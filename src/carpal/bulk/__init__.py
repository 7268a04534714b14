"""Very many radiographs: Parquet parts that survive a kill, over processes, shards of a cluster's array, or Ray."""
