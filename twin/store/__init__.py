"""The memory of the plant: every event, once, for as long as it is kept.

An event has a key; the same key twice is one event. What is stored is never changed. SQLite holds
it in a file, PostgreSQL on a server, by the same code. Imports ``twin.model``, ``twin.errors`` and
``twin.secrets`` only. Start reading at :mod:`.store`.

Who needs which rights:

* SQLite: the file is made with mode 0600. All programs that use it run as its owner, who may also
  write into its folder (the log beside the file is written by readers, too).
* PostgreSQL: the role that opens the store first, and after an update of Noria, needs ``create`` on
  the schema; from then on ``select, insert, update, delete`` on the tables ``noria_*`` are enough
  for taking in and for retention, and ``select`` for those who read (plans, live view, analysts).
"""
