#include "tests/support/helper_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace tapswitch {
namespace {

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] void Exec(const HelperStart& start, int socket, int errors) {
  std::vector<std::string> words{start.program};
  for (std::string word : start.arguments) {
    if (const size_t at = word.find("%d"); at != std::string::npos) {
      word.replace(at, 2, std::to_string(socket));
    }
    words.push_back(word);
  }
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  dup2(errors, STDERR_FILENO);
  if (start.user &&
      (setgroups(0, nullptr) != 0 || setresgid(*start.user, *start.user, *start.user) != 0 ||
       setresuid(*start.user, *start.user, *start.user) != 0)) {
    _exit(126);
  }
  execv(pointers[0], pointers.data());
  _exit(127);
}

FileDescriptor ReceiveFile(int socket) {
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1) return {};
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return FileDescriptor(fd);
}

std::string Contents(int file) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t size = pread(file, part.data(), part.size(), static_cast<off_t>(text.size()));
    if (size <= 0) return text;
    text.append(part.data(), static_cast<size_t>(size));
  }
}

}  // namespace

HelperRun RunHelper(const HelperStart& start) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    ThrowErrno("socketpair");
  const FileDescriptor ours(pair[0]);
  FileDescriptor theirs(pair[1]);
  fcntl(theirs.get(), F_SETFD, 0);
  const FileDescriptor errors(memfd_create("errors", MFD_CLOEXEC));
  const pid_t child = fork();
  if (child == 0) Exec(start, theirs.get(), errors.get());
  if (child < 0) ThrowErrno("fork");
  theirs = FileDescriptor();
  int status = 0;
  if (waitpid(child, &status, 0) != child) ThrowErrno("waitpid");
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .errors = Contents(errors.get()),
          .tap = ReceiveFile(ours.get())};
}

}  // namespace tapswitch
