"""``carpal serve``: radiographs come in over HTTP, readings go out, and nothing that was acknowledged is lost.

settings      what can be set
folder        where all of it lies, closed to others
database      the engine, its transactions, its migrations
tables        what is kept; rows between them and records
facts         what a sender tells of the child
blobs         the radiographs' files, named by their SHA-256
shelf         the documents that were made of readings
readings      the store of readings: accept, claim, finish, find, delete
children      the readings of one child together
audit         who did what, when, with which model; refusals: who was not let in
tokens        who may come in
problems      an error as a web client sees it; invalid: what the frameworks find wrong, in our words
worker, pool  the processes that read; making: what else they make
guard, envelope, protocol   what every request must pass
intake, schemas             what comes in and goes out
instance, rule              which DICOM objects are to be read
connection, peers, node     what comes in by C-STORE; tls: plain or not
multipart, stow             what comes in by STOW-RS
reception, incoming         what both have in common
outbox                      what is to be sent, kept until it has arrived
destinations, association, dicomweb, sender   how it gets there
exchange                    node and sender put together
routes, listing, documents, histories, app   the REST interface
server        all of it put together
"""
