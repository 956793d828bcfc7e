#include "switch/control/client/control_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "ports/os/control_folders.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"

namespace tapswitch {
namespace {

using Json = ControlConnection::Json;

constexpr std::string_view kSuffix = ".sock";

// More than the largest table makes of itself, many times.
constexpr size_t kLongestLine = size_t{256} << 20;

// Answers nest less. The limit keeps all code that walks one recursively within a small stack.
constexpr int kMostDepth = 32;

absl::Status HungUp() { return absl::UnavailableError("the switch ended the connection"); }

absl::Status NoSwitch() { return absl::UnavailableError("what listens there is no switch"); }

// Where the bridge `name` is, or would be.
std::string PathOf(std::string_view name) {
  const auto folders = ControlFolders();
  const auto found = std::find_if(folders.begin(), folders.end(), [&](const auto& folder) {
    return std::filesystem::exists(ControlSocketPath(folder, name));
  });
  return ControlSocketPath(found == folders.end() ? folders.front() : *found, name);
}

// All that look like control sockets.
std::vector<std::filesystem::path> SocketFiles() {
  std::vector<std::filesystem::path> files;
  for (const std::string& folder : ControlFolders()) {
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator(folder, none)) {
      if (file.path().extension() == kSuffix) files.push_back(file.path());
    }
  }
  return files;
}

absl::Status ErrorOf(const Json& error) {
  constexpr int kMethodNotFound = -32601;
  constexpr int kInvalidParams = -32602;
  const Json code = error.is_object() && error.contains("code") ? error["code"] : Json();
  const std::string message =
      error.is_object() && error.contains("message") && error["message"].is_string()
          ? error["message"].get<std::string>()
          : "the switch refuses, and does not say why";
  const bool is_misuse = code == kInvalidParams || code == kMethodNotFound;
  return is_misuse ? absl::InvalidArgumentError(message) : absl::FailedPreconditionError(message);
}

absl::Status Silent(int seconds) {
  return absl::DeadlineExceededError(fmt::format(
      "the switch has not answered for {} s: is it stopped? (-timeout waits longer)", seconds));
}

absl::Status Failed(int patience) { return errno == EAGAIN ? Silent(patience) : HungUp(); }

void LimitPatience(int socket, int seconds) {
  const timeval patience{.tv_sec = seconds, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

}  // namespace

absl::StatusOr<ControlConnection> ControlConnection::Open(const std::string& path, int patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::UnavailableError(fmt::format("{}: the path is too long for a socket", path));
  }
  path.copy(address.sun_path, path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  LimitPatience(socket.get(), patience);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EACCES) {
      return absl::PermissionDeniedError(
          fmt::format("{} is not yours to use: be root or in the group of that socket", path));
    }
    // So many wait to be let in that there is no room for one more.
    if (errno == EAGAIN) return Silent(patience);
    if (errno == ECONNREFUSED) {
      return absl::UnavailableError(
          fmt::format("no switch answers at {}: it was left by a switch that was killed: start "
                      "one, or remove it",
                      path));
    }
    return absl::UnavailableError(
        fmt::format("no switch answers at {}: {}", path, std::strerror(errno)));
  }
  return ControlConnection(std::move(socket), patience);
}

absl::Status ControlConnection::Send(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t sent = send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Failed(patience_);
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

// Where it can be interrupted, until there is something to read; else reading waits by itself.
absl::Status ControlConnection::WaitForMore() const {
  if (interrupt_ < 0) return absl::OkStatus();
  std::array<pollfd, 2> wait{{{socket_.get(), POLLIN, 0}, {interrupt_, POLLIN, 0}}};
  constexpr int kMilliseconds = 1000;
  int ready = 0;
  do {
    ready = poll(wait.data(), wait.size(), patience_ * kMilliseconds);
  } while (ready < 0 && errno == EINTR);
  if (wait[1].revents != 0) return absl::CancelledError("interrupted");
  return ready == 0 ? Silent(patience_) : absl::OkStatus();
}

// Appends what has come to received_, once something has.
absl::Status ControlConnection::ReadMore() {
  std::array<char, 65536> part;  // NOLINT(*-member-init): recv fills it
  for (;;) {
    if (absl::Status waited = WaitForMore(); !waited.ok()) return waited;
    const ssize_t size = recv(socket_.get(), part.data(), part.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed(patience_);
    if (size == 0) return HungUp();
    received_.append(part.data(), static_cast<size_t>(size));
    return absl::OkStatus();
  }
}

absl::StatusOr<std::string> ControlConnection::ReadLine() {
  size_t end = 0;
  while ((end = received_.find('\n', searched_)) == std::string::npos) {
    searched_ = received_.size();
    if (received_.size() > kLongestLine) return absl::UnavailableError("the answer has no end");
    if (absl::Status read = ReadMore(); !read.ok()) return read;
  }
  std::string rest = received_.substr(end + 1);
  std::string line = std::exchange(received_, std::move(rest));
  line.resize(end);
  searched_ = 0;
  return line;
}

absl::StatusOr<Json> ControlConnection::ReadObject() {
  const auto text = ReadLine();
  if (!text.ok()) return text.status();
  bool is_deep = false;
  const Json::parser_callback_t limit = [&](int depth, Json::parse_event_t, const Json&) {
    is_deep |= depth > kMostDepth;
    return !is_deep;
  };
  Json object = Json::parse(*text, limit, /*allow_exceptions=*/false);
  if (object.is_object() && !is_deep) return object;
  return NoSwitch();
}

absl::StatusOr<int> ControlConnection::Request(std::string_view method,
                                               const nlohmann::json& params) {
  const int id = ++last_id_;
  const nlohmann::json request{
      {"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  // Words of the user may be anything.
  const std::string text =
      request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  if (absl::Status sent = Send(text); !sent.ok()) return sent;
  return id;
}

absl::StatusOr<Json> ControlConnection::ReadReply(int id) {
  for (;;) {
    auto line = ReadObject();
    if (!line.ok()) return line.status();
    if (line->contains("error")) return ErrorOf((*line)["error"]);
    if (!line->contains("id") || (*line)["id"] != id) continue;
    if (line->contains("result")) return std::move((*line)["result"]);
    return absl::UnavailableError("the switch answered neither a result nor an error");
  }
}

absl::StatusOr<Json> ControlConnection::Call(std::string_view method,
                                             const nlohmann::json& params) {
  const auto id = Request(method, params);
  if (!id.ok()) return id.status();
  return ReadReply(*id);
}

absl::Status ControlConnection::CallAndPassOn(std::string_view method, const nlohmann::json& params,
                                              const std::function<bool(std::string_view)>& write) {
  const auto id = Request(method, params);
  if (!id.ok()) return id.status();
  // As the switch writes a result; anything else is looked at with care.
  constexpr std::string_view kBegin = R"({"jsonrpc":"2.0","result":)";
  while (received_.size() < kBegin.size()) {
    if (absl::Status read = ReadMore(); !read.ok()) return read;
  }
  if (received_.starts_with(kBegin)) {
    received_.erase(0, kBegin.size());
    return PassOn(fmt::format(",\"id\":{}}}\n", *id), write);
  }
  const auto reply = ReadReply(*id);
  if (!reply.ok()) return reply.status();
  const bool written = write(reply->dump(-1, ' ', false, Json::error_handler_t::replace));
  return written ? absl::OkStatus() : absl::CancelledError("nobody reads any more");
}

// Up to `end`, which no other line end comes before: JSON text has none in it.
absl::Status ControlConnection::PassOn(std::string_view end,
                                       const std::function<bool(std::string_view)>& write) {
  for (;;) {
    const bool is_whole = received_.ends_with('\n');
    if (is_whole && !received_.ends_with(end)) return NoSwitch();
    // What may turn out to be the end stays back.
    const size_t ready = received_.size() - std::min(received_.size(), end.size());
    if (!write(std::string_view(received_).substr(0, ready))) {
      return absl::CancelledError("nobody reads any more");
    }
    received_.erase(0, is_whole ? received_.size() : ready);
    if (is_whole) return absl::OkStatus();
    if (absl::Status read = ReadMore(); !read.ok()) return read;
  }
}

absl::Status ControlConnection::WaitForEvent(int output) {
  if (received_.find('\n', searched_) != std::string::npos) return absl::OkStatus();
  // Errors of `output` are reported without being asked for.
  std::array<pollfd, 2> wait{{{socket_.get(), POLLIN, 0}, {output, 0, 0}}};
  while (poll(wait.data(), wait.size(), -1) < 0 && errno == EINTR) continue;
  if (wait[1].revents != 0) return absl::CancelledError("nobody reads any more");
  return absl::OkStatus();
}

absl::StatusOr<Json> ControlConnection::NextEvent(int output) {
  for (;;) {
    if (absl::Status waited = WaitForEvent(output); !waited.ok()) return waited;
    auto line = ReadObject();
    if (!line.ok()) return line.status();
    if (line->contains("params") && (*line)["params"].is_object())
      return std::move((*line)["params"]);
  }
}

absl::StatusOr<std::string> ControlConnection::NextBytes(int output) {
  if (received_.empty()) {
    // Errors of `output` are reported without being asked for.
    std::array<pollfd, 3> wait{
        {{socket_.get(), POLLIN, 0}, {output, 0, 0}, {interrupt_, POLLIN, 0}}};
    // Where nothing can interrupt it any more, the end is near, and is not waited for without end.
    constexpr int kMilliseconds = 1000;
    const int limit = interrupt_ < 0 ? patience_ * kMilliseconds : -1;
    int ready = 0;
    do {
      ready = poll(wait.data(), wait.size(), limit);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) return Silent(patience_);
    if (wait[1].revents != 0) return absl::CancelledError("nobody reads any more");
    const absl::Status read =
        wait[2].revents != 0 ? absl::CancelledError("interrupted") : ReadMore();
    if (absl::IsCancelled(read)) return absl::AbortedError("interrupted");
    if (!read.ok()) return read;
  }
  return std::exchange(received_, {});
}

FileDescriptor ControlConnection::WatchProcess() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
    return {};
  }
  return FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0)));
}

absl::Status ControlConnection::Notify(std::string_view method) const {
  return Send(nlohmann::json{{"jsonrpc", "2.0"}, {"method", method}}.dump() + '\n');
}

std::vector<std::string> RunningBridges(int patience) {
  std::vector<std::string> names;
  for (const auto& file : SocketFiles()) {
    const absl::Status opened = ControlConnection::Open(file, patience).status();
    // One that does not let anybody in runs, too, and is the one to complain of.
    if (opened.ok() || absl::IsDeadlineExceeded(opened)) names.push_back(file.stem());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

namespace {

// Says what is wrong with a socket that is there: this user may not use it, or else nobody answers.
// OK if there is none.
absl::Status WhatIsWrong(int patience) {
  absl::Status wrong;
  for (const auto& file : SocketFiles()) {
    const auto opened = ControlConnection::Open(file, patience);
    if (absl::IsPermissionDenied(opened.status())) return opened.status();
    if (wrong.ok()) wrong = opened.status();
  }
  return wrong;
}

}  // namespace

absl::StatusOr<std::string> FindSocket(const std::optional<std::string>& wanted, int patience) {
  const char* const environment = std::getenv("TAPSWITCH_BRIDGE");
  std::string name = wanted.value_or(environment == nullptr ? "" : environment);
  if (name.find('/') != std::string::npos) return name;
  if (!name.empty()) return PathOf(name);
  const auto running = RunningBridges(patience);
  if (running.size() == 1) return PathOf(running.front());
  if (running.empty()) {
    if (absl::Status wrong = WhatIsWrong(patience); !wrong.ok()) return wrong;
    return absl::UnavailableError(
        fmt::format("no switch runs (none answers in {})", fmt::join(ControlFolders(), " or ")));
  }
  return absl::UnavailableError(
      fmt::format("several switches run: say -B with one of {}", fmt::join(running, ", ")));
}

}  // namespace tapswitch
