create table private.filter_characters (
  glyph text collate "C" not null,
  folded text collate "C" not null,
  constraint filter_characters_pkey primary key (glyph)
);
comment on table private.filter_characters is 'Non-ASCII characters, with the ASCII text that a reader takes each for. An invisible character has an empty text. A character without a row separates words.';

create table private.filter_words (
  word text collate "C" not null,
  class text collate "C" not null,
  constraint filter_words_pkey primary key (word, class)
);
comment on table private.filter_words is 'Words and phrases of the message filter, each with a class that rules name. A phrase stands without its spaces. A row of punctuation is a separator.';

create index filter_words_class_idx on private.filter_words (class);

create table private.filter_numerals (
  word text collate "C" not null,
  kind text collate "C" not null,
  value text collate "C" not null default '',
  constraint filter_numerals_pkey primary key (word),
  constraint filter_numerals_kind_is_known check (
    kind in ('digit', 'ten', 'teen', 'hundred', 'plural', 'multiplier', 'filler', 'unit')
  )
);
comment on table private.filter_numerals is 'Words that write numbers, connect digits or follow an amount. A value has A to J for the digits 0 to 9, or a to j if the word has another common meaning.';

create table private.filter_rules (
  rule_version integer not null,
  rule text collate "C" not null,
  kind text collate "C" not null,
  pattern text[] not null,
  gap integer not null default 0,
  unless text collate "C",
  weight integer not null,
  reason_code text collate "C" not null,
  stage text[] not null,
  active boolean not null default true,
  unless_near text collate "C",
  constraint filter_rules_pkey primary key (rule_version, rule),
  constraint filter_rules_kind_is_known check (kind in ('contact', 'payment', 'proposal')),
  constraint filter_rules_pattern_is_short check (cardinality(pattern) between 1 and 4),
  constraint filter_rules_weight_is_a_score check (weight between 0 and 100)
);
comment on table private.filter_rules is 'Rules of the message filter. A rule finds the classes of its pattern in this order, with at most gap words between two. A mark of the class unless before it or inside it voids it, and so does a mark of the class unless_near on either side, each within four words of the same clause. Only migrations change rules.';

create type private.filter_token as (
  n integer, word text, gap text, gap_before text, next_gap text, next_word text,
  second text, third text, fourth text
);
comment on type private.filter_token is 'A word of a folded text: its number, the separator after it, its neighbours, and up to three next words that may be of the same phrase.';

create type private.filter_mark as (class text, first integer, last integer);
comment on type private.filter_mark is 'A class that stands at a span of words. Word n has position 2n, and the separator after it 2n + 1.';

create type private.placed_mark as (class text, first integer, last integer, clause integer);
comment on type private.placed_mark is 'A mark with the number of the clause in which it stands.';

create type private.rule_hit as (
  rule text, kind text, reason_code text, weight integer, unless text, unless_near text,
  clause integer, last_clause integer, first integer, last integer, span_first integer,
  span_last integer
);
comment on type private.rule_hit is 'A place at which a rule fits: its first and last position, their clauses, and the span to hide.';

create type private.folded_text as (folded text, origins integer []);
comment on type private.folded_text is 'A text in lower-case ASCII, with the place in the original of each character, or null if they are the same.';

create type private.filter_finding as (
  rule text, reason_code text, score integer, start_at integer, end_at integer, kind text
);
comment on type private.filter_finding is 'A rule that fits, with its span in the text: the first character, and the one after the last. The first character has number 0.';

create type private.filter_verdict as (
  action public.filter_action,
  score integer,
  reason_codes text [],
  findings jsonb,
  masked text,
  rule_version integer
);
comment on type private.filter_verdict is 'The action about a message, with the reasons for staff and the text that the recipient may read.';
