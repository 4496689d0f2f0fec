# Loaded by pt-online-schema-change (--plugin): it swaps the tables only when its worker says so.
package pt_online_schema_change_plugin;

use strict;
use warnings;

sub new {
   my ($class, %args) = @_;
   return bless {%args}, $class;
}

sub say_line {
   my ($line) = @_;
   local $| = 1;
   print "$line\n";
   return;
}

# A connection whose TLS was asked for and not given is told by its missing cipher only.
sub init {
   my ($self) = @_;
   return if $ENV{INCEPTION_TLS} eq 'disabled';
   for my $cxn ($self->{cxn}, $self->{aux_cxn}) {
      my (undef, $cipher) = $cxn->dbh()->selectrow_array("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
      if (!$cipher) {
         say_line('inception: not over TLS');
         die "not over TLS\n";
      }
   }
   return;
}

sub after_alter_new_table {
   say_line('inception: altered');
   return;
}

# All rows are copied and the triggers keep them so. The worker compares, writes down that it will swap, and says so.
# A session that was ended meanwhile was ended by somebody who took the ticket over.
sub before_swap_tables {
   my ($self) = @_;
   say_line('inception: copied');
   my $looks = 0;
   until (-e "$ENV{INCEPTION_FOLDER}/swap") {
      select(undef, undef, undef, 0.1);
      if (++$looks % 10 == 0 && !$self->{cxn}->dbh()->ping()) {
         say_line('Error: its session on the server was ended before the tables were swapped.');
         exit 19;
      }
   }
   return;
}

1;
