-- A checkout writes each of these rows, and for a list of three or more values in a CHECK SQLite builds a tree in memory every time: a fifth of what
-- a checkout cost. The same rule told as comparisons builds nothing. What is on the disk stays as it is, so only the text of the schema changes, the
-- way SQLite documents (https://sqlite.org/lang_altertable.html#otheralter). PostgreSQL compares in either form.
{sqlite}
pragma writable_schema = on;
update sqlite_schema set sql = replace(sql,
  'check (state in (''active'', ''paying'', ''converted'', ''released'', ''expired'', ''expired_unknown''))',
  'check (state = ''active'' or state = ''paying'' or state = ''converted'' or state = ''released'' or state = ''expired'' or state = ''expired_unknown'')')
 where type = 'table' and name = 'reservations';
update sqlite_schema set sql = replace(sql,
  'check (state in (''incomplete'', ''ready_for_complete'', ''complete_in_progress'', ''requires_escalation'', ''completed'', ''canceled'', ''expired''))',
  'check (state = ''incomplete'' or state = ''ready_for_complete'' or state = ''complete_in_progress'' or state = ''requires_escalation'' or state = ''completed'' or state = ''canceled'' or state = ''expired'')')
 where type = 'table' and name = 'checkouts';
update sqlite_schema set sql = replace(sql,
  'check (state in (''sending'', ''pending'', ''requires_action'', ''authorized'', ''failed'', ''unknown'', ''not_executed'', ''not_sent'', ''conflicted'', ''voiding'', ''voided'', ''captured''))',
  'check (state = ''sending'' or state = ''pending'' or state = ''requires_action'' or state = ''authorized'' or state = ''failed'' or state = ''unknown'' or state = ''not_executed'' or state = ''not_sent'' or state = ''conflicted'' or state = ''voiding'' or state = ''voided'' or state = ''captured'')')
 where type = 'table' and name = 'attempts';
update sqlite_schema set sql = replace(sql,
  'check (state in (''waiting'', ''sending'', ''unknown'', ''succeeded'', ''failed'', ''conflicted''))',
  'check (state = ''waiting'' or state = ''sending'' or state = ''unknown'' or state = ''succeeded'' or state = ''failed'' or state = ''conflicted'')')
 where type = 'table' and name = 'captures';
update sqlite_schema set sql = replace(sql,
  'check (state in (''not_sent'', ''sending'', ''unknown'', ''succeeded'', ''failed'', ''conflicted''))',
  'check (state = ''not_sent'' or state = ''sending'' or state = ''unknown'' or state = ''succeeded'' or state = ''failed'' or state = ''conflicted'')')
 where type = 'table' and name = 'refunds';
update sqlite_schema set sql = replace(sql,
  'check (state in (''open'', ''accepted'', ''in_fulfilment'', ''fulfilled'', ''canceled''))',
  'check (state = ''open'' or state = ''accepted'' or state = ''in_fulfilment'' or state = ''fulfilled'' or state = ''canceled'')')
 where type = 'table' and name = 'fulfilments';
update sqlite_schema set sql = replace(sql,
  'check (state in (''due'', ''leased'', ''sent'', ''refused''))',
  'check (state = ''due'' or state = ''leased'' or state = ''sent'' or state = ''refused'')')
 where type = 'table' and name = 'mails';
pragma writable_schema = reset;
{/sqlite}
