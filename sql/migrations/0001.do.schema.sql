create schema if not exists holdfast;

comment on schema holdfast is 'What Holdfast keeps in the database that it proves: heartbeats, canaries, and the few functions that its roles may call';

revoke all on schema holdfast from public;
