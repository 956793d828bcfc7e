#include "tests/support/switch_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/support/socket_peer.h"
#include "tests/support/wait_until.h"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgets this itself
}

namespace tapswitch {
namespace {

constexpr std::chrono::seconds kReadyLimit(30);
constexpr std::chrono::seconds kStopLimit(10);

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Unlike a pipe it never fills up and makes the writer wait.
FileDescriptor NewMemoryFile(const char* name) {
  FileDescriptor file(memfd_create(name, MFD_CLOEXEC));
  if (!file.valid()) ThrowErrno(name);
  return file;
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

std::vector<std::string> FlagsForAll() {
  const char* const flags = std::getenv("TAPSWITCH_TEST_FLAGS");
  std::istringstream words(flags == nullptr ? "" : flags);
  return {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
}

// A socket to which the kernel gives an abstract name that is free (autobind, unix(7)).
FileDescriptor NewNotifySocket() {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un any{};
  any.sun_family = AF_UNIX;
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any.sun_family)) != 0) {
    ThrowErrno("bind");
  }
  return socket;
}

// As $NOTIFY_SOCKET has it: '@' for the zero byte in front.
std::string AbstractName(int socket) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ThrowErrno("getsockname");
  }
  const std::string name(address.sun_path, size - offsetof(sockaddr_un, sun_path));
  return "@" + name.substr(1);
}

bool SaysReady(int socket) {
  std::array<char, 4096> message{};
  const ssize_t size = recv(socket, message.data(), message.size(), 0);
  if (size < 0) return false;
  return std::string_view(message.data(), static_cast<size_t>(size)).find("READY=1") !=
         std::string_view::npos;
}

}  // namespace

SwitchProcess::SwitchProcess(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& launcher)
    : output_(NewMemoryFile("output")), log_(NewMemoryFile("log")), notify_(NewNotifySocket()) {
  std::vector<std::string> words(launcher);
  words.emplace_back(TAPSWITCHD_PATH);
  for (std::string& flag : FlagsForAll()) words.push_back(std::move(flag));
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  std::transform(words.begin(), words.end(), std::back_inserter(pointers),
                 [](std::string& word) { return word.data(); });
  pointers.push_back(nullptr);

  // A process that the switch has handed over to is then a child of this one.
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  pid_ = fork();  // NOLINT(*-prefer-member-initializer): when all is made that the child uses
  if (pid_ == 0) Exec(pointers);
  if (pid_ < 0) ThrowErrno("fork");
  process_ = FileDescriptor(pidfd_open(pid_, 0));
  if (!process_.valid()) ThrowErrno("pidfd_open");
}

void SwitchProcess::Exec(std::vector<char*> arguments) const {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output_.get(), STDOUT_FILENO);
  dup2(log_.get(), STDERR_FILENO);
  setenv("NOTIFY_SOCKET", AbstractName(notify_.get()).c_str(), 1);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

SwitchProcess::~SwitchProcess() {
  if (process_.valid()) Stop();
  if (testing::Test::HasFailure()) std::cerr << "--- log of the switch:\n" << log() << "---\n";
}

bool SwitchProcess::WaitUntilReady() const {
  const auto deadline = std::chrono::steady_clock::now() + kReadyLimit;
  while (std::chrono::steady_clock::now() < deadline) {
    std::array<pollfd, 2> files{{{.fd = notify_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = process_.get(), .events = POLLIN, .revents = 0}}};
    if (poll(files.data(), files.size(), 100) <= 0) continue;
    if (SaysReady(notify_.get())) return true;
    if (files[1].revents != 0) return false;
  }
  return false;
}

bool SwitchProcess::running() const {
  return process_.valid() && !IsReadable(process_.get(), std::chrono::milliseconds(0));
}

std::optional<int> SwitchProcess::WaitForExit(std::chrono::seconds limit) {
  if (!process_.valid() || !IsReadable(process_.get(), limit)) return std::nullopt;
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(process_.get()), &info, WEXITED) != 0) return std::nullopt;
  process_ = FileDescriptor();
  return info.si_code == CLD_EXITED ? std::optional(info.si_status) : std::nullopt;
}

bool SwitchProcess::FollowSuccessor(pid_t successor) {
  FileDescriptor process(pidfd_open(successor, 0));
  if (WaitForExit(kStopLimit) != 0) return false;
  process_ = std::move(process);
  pid_ = successor;
  return process_.valid();
}

void SwitchProcess::Stop(int signal) {
  pidfd_send_signal(process_.get(), signal, nullptr, 0);
  EXPECT_EQ(WaitForExit(kStopLimit), 0) << "the switch should end in peace on signal " << signal;
  if (process_.valid()) Kill();
}

void SwitchProcess::Kill() {
  pidfd_send_signal(process_.get(), SIGKILL, nullptr, 0);
  static_cast<void>(WaitForExit());
}

std::string SwitchProcess::output() const { return Contents(output_.get()); }

std::string SwitchProcess::log() const { return Contents(log_.get()); }

size_t SwitchProcess::CountInLog(std::string_view text) const {
  // A thread of the switch writes what was said, a moment later.
  if (running()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  return CountNow(text);
}

size_t SwitchProcess::CountNow(std::string_view text) const {
  std::istringstream lines(log());
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(text) != std::string::npos) ++count;
  }
  return count;
}

bool SwitchProcess::WaitForLog(std::string_view text, size_t lines) const {
  return WaitUntil([&] { return CountNow(text) >= lines || !running(); }) &&
         CountNow(text) >= lines;
}

}  // namespace tapswitch
