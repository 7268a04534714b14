"""``carpal serve``: radiographs come in over HTTP, readings go out, and nothing that was acknowledged is lost.

settings      what can be set
database      the engine, its transactions, its migrations
tables        what is kept
blobs         the radiographs' files, named by their SHA-256
readings      the store of readings: accept, claim, finish, find, delete
audit         who did what, when, with which model
tokens        who may come in
problems      an error as a web client sees it
worker, pool  the processes that read
guard, envelope, protocol   what every request must pass
schemas, routes, app        the REST interface
server        all of it put together
"""
