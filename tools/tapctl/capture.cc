#include "tools/tapctl/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/capture_filter.h"
#include "tools/tapctl/render/render.h"
#include "tools/tapctl/whole_blocks.h"

namespace tapswitch {
namespace {

constexpr std::string_view kAllPorts = "all";

absl::StatusOr<FileDescriptor> OpenOutput(const std::string& name) {
  if (name == "-") {
    if (isatty(STDOUT_FILENO) != 0) {
      return absl::InvalidArgumentError(
          "a capture is not for terminals: say -w FILE, or pipe it to wireshark -k -i -");
    }
    return FileDescriptor(dup(STDOUT_FILENO));
  }
  constexpr mode_t kOwnerOnly = 0600;
  FileDescriptor file(open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly));
  if (file.valid()) return file;
  return absl::InvalidArgumentError(fmt::format("-w {}: {}", name, std::strerror(errno)));
}

// SIGINT and SIGTERM, to be read.
FileDescriptor BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC));
}

// Where a capture goes: a file or a pipe.
class Output {
 public:
  // `stop`: readable when it is enough.
  Output(FileDescriptor file, int stop) : file_(std::move(file)), stop_(stop) {
    struct stat about {};
    is_regular_ = fstat(file_.get(), &about) == 0 && S_ISREG(about.st_mode);
  }

  [[nodiscard]] int fd() const { return file_.get(); }

  // Cancelled when nobody reads it, or it was enough before anybody did.
  [[nodiscard]] absl::Status Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      if (!is_regular_ && !HasRoom()) return absl::CancelledError("interrupted");
      // That much fits in a pipe that has room (pipe(7)), so that writing does not wait.
      const size_t size = is_regular_ ? bytes.size() : std::min<size_t>(bytes.size(), PIPE_BUF);
      const ssize_t written = write(file_.get(), bytes.data(), size);
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (written < 0 && errno == EPIPE) return absl::CancelledError("nobody reads any more");
      if (written < 0) {
        return absl::UnavailableError(
            fmt::format("cannot write the capture: {}", std::strerror(errno)));
      }
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

 private:
  // Waits for it. False when it was enough before.
  [[nodiscard]] bool HasRoom() const {
    std::array<pollfd, 2> wait{{{file_.get(), POLLOUT, 0}, {stop_, POLLIN, 0}}};
    while (poll(wait.data(), wait.size(), -1) < 0 && errno == EINTR) continue;
    return wait[0].revents != 0;
  }

  FileDescriptor file_;
  int stop_;
  bool is_regular_ = false;
};

// Until the capture ends by itself, by a signal or as nobody reads it any more.
absl::Status PassOnBlocks(ControlConnection& connection, const Output& output, uint64_t count,
                          WholeBlocks& blocks) {
  bool stopped = false;
  for (;;) {
    const auto bytes = connection.NextBytes(output.fd());
    if (absl::IsAborted(bytes.status())) {
      if (std::exchange(stopped, true)) return absl::OkStatus();
      connection.InterruptBy(-1);
      if (absl::Status told = connection.Notify("capture.stop"); !told.ok()) return told;
      continue;
    }
    if (absl::IsCancelled(bytes.status())) return absl::OkStatus();
    if (!bytes.ok()) {
      const bool is_whole = stopped || blocks.packets() >= count;
      return is_whole ? absl::OkStatus() : bytes.status();
    }
    if (!blocks.Append(*bytes)) return absl::UnavailableError("what answers there is no switch");
    absl::Status written = output.Write(blocks.Take());
    if (absl::IsCancelled(written)) return absl::OkStatus();
    if (!written.ok()) return written;
  }
}

}  // namespace

absl::StatusOr<nlohmann::json> CaptureParams(nlohmann::json words) {
  words.erase("file");
  if (words.value("dev", "") == kAllPorts) words.erase("dev");
  if (words.contains("filter")) {
    auto filter = CompileFilter(words["filter"].get<std::string>());
    if (!filter.ok()) return filter.status();
    words["filter"] = *std::move(filter);
  }
  return words;
}

absl::Status RunCapture(ControlConnection& connection, const nlohmann::json& words) {
  const auto params = CaptureParams(words);
  if (!params.ok()) return params.status();
  const std::string name = words.value("file", "-");
  auto file = OpenOutput(name);
  if (!file.ok()) return file.status();
  const FileDescriptor stop = BlockSignals();
  const Output output(*std::move(file), stop.get());
  if (const auto started = connection.Call("capture.start", *params); !started.ok()) {
    return started.status();
  }
  connection.InterruptBy(stop.get());
  const bool has_watcher = name != "-" && isatty(STDERR_FILENO) != 0;
  if (has_watcher) {
    std::cerr << fmt::format("listening on {}, Ctrl-C ends it\n",
                             Printable(words.value("dev", std::string(kAllPorts))));
  }
  WholeBlocks blocks;
  absl::Status passed = PassOnBlocks(connection, output, words.value("count", UINT64_MAX), blocks);
  if (has_watcher) {
    std::cerr << fmt::format("{} captured, {} lost\n", blocks.packets(), blocks.lost());
  }
  return passed;
}

}  // namespace tapswitch
