// What a program inherits from whoever starts it, and had better not rely on.

#pragma once

namespace tapswitch {

// Opens descriptors 0, 1 and 2 on /dev/null where they are closed, so that no file or socket which is
// opened later gets what is written for people. For the very beginning of main, of any program.
void OpenStandardDescriptors();

// The rest, for a daemon, before it opens or starts anything:
//  - signals: those that a file, a pipe or a terminal sends by itself (SIGPIPE, SIGXFSZ, SIGTTOU) are
//    ignored, for writes tell of errors; SIGHUP, SIGUSR1 and SIGUSR2 are blocked until StopSignals
//    reads them; all others are as the system has them, not ignored or blocked, and timers that
//    would send some are off;
//  - the umask is 077: files are open to others only where this program says so;
//  - the soft limit on open files is the hard one;
//  - timers are as exact as usual.
void ForgetInherited();

}  // namespace tapswitch
