-- This migration lets the message filter take the first word of a line for no domain, unless it is
-- "com".

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Filter: rules.

insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stage
) values
(
  2, 'domain_line', 'contact', '{tight_dot,com}', 0,
  null, 'com_safe', 70, 'LINK', '{strict,name}'
)
on conflict do nothing;

update private.filter_rules set pattern = '{inner_dot,site_tld}'
where rule_version = 2 and rule = 'domain';
