// Resets the state that a program inherits from the process that starts it.

#pragma once

namespace tapswitch {

// Opens /dev/null as descriptors 0, 1 and 2 if they are closed. Otherwise a file or socket that is
// opened later could receive text that is meant for people. Call it first in main, in every
// program.
void OpenStandardDescriptors();

// Resets the rest, for a daemon, before it opens files or starts threads:
//  - signals: those that a file, a pipe or a terminal causes (SIGPIPE, SIGXFSZ, SIGTTOU) are
//    ignored, because writes report errors; SIGHUP, SIGUSR1 and SIGUSR2 are blocked until
//    StopSignals reads them; all others get their default action, unblocked; timers that send
//    signals are stopped;
//  - the umask is 077: files are open to others only where this program says so;
//  - the soft limit on open files is the hard one;
//  - threads may have the lowest real-time priority (thread_priority.h), also those of a process
//    that gives up root;
//  - timers are as exact as usual.
void ForgetInherited();

}  // namespace tapswitch
