-- A store as version 1 wrote it, with two events, a position and a held message. Never changed.
create table noria_event (
    sequence integer primary key, time integer not null, key text not null,
    work_unit text not null, event text not null, state text not null, "order" text not null,
    operation text not null, product text not null, lot text not null, material text not null,
    verdict text not null, reason text not null, quantity real, scrap real,
    source text not null, received integer not null
) strict;
create unique index noria_event_key on noria_event (key);
create index noria_event_time on noria_event (time, sequence);
create table noria_position (
    source text primary key, value text not null, changed integer not null
) strict;
create table noria_quarantine (
    id integer primary key, digest blob not null unique, source text not null,
    received integer not null, raw blob not null, origin text not null, reason text not null,
    tries integer not null, times integer not null, status text not null
) strict;
create index noria_quarantine_waiting on noria_quarantine (status, source, id);
create table noria_store (name text primary key, value integer not null) strict;
insert into noria_store (name, value) values ('version', 1), ('last_sequence', 3), ('identity', 7);
insert into noria_event values
    (1, 1772431200000000, 'a', 'PRESS-1', 'state', 'working', '4711', 'press', 'M8', '', '', '',
     '', null, null, 'line-1', 1772431201000000),
    (2, 1772431260000000, 'b', 'PRESS-1', 'end', '', '4711', 'press', 'M8', 'L1', '', '', '',
     100.0, 2.0, 'line-1', 1772431261000000),
    (3, 1772431260000001, 'c', 'PRESS-1', 'state', 'standby', '', '', '', '', '', '', '',
     null, null, 'line-1', 1772431262000000);
insert into noria_position values ('line-1', '{"row": 2}', 1772431262000000);
insert into noria_quarantine values
    (1, x'00', 'line-1', 1772431262000000, x'7b7d', 'topic', 'no time', 0, 1, 'waiting');
