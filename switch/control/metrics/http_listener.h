// The least of HTTP that a scrape takes: GET of one path, answered and closed. Clients are not
// trusted: each has a thread for two seconds at most.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/wake_event.h"

namespace tapswitch {

class HttpListener {
 public:
  // Serves clients of `socket`, which listens, does not block, and may be another process's, too.
  // `answer` makes the text at `path`; threads call it, which inherit the caller's signal mask.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpListener>> Start(
      FileDescriptor socket, std::string path, std::function<std::string()> answer);

  // Waits for answers that are being made, and a moment for clients that were accepted. Those that
  // nobody has accepted wait for another process that has the socket, too.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  HttpListener(FileDescriptor socket, WakeEvent end, std::string path,
               std::function<std::string()> answer);

  void Run();
  void Serve(const FileDescriptor& client) const;
  [[nodiscard]] std::string AnswerTo(const std::string& request) const;

  FileDescriptor socket_;
  WakeEvent end_;
  std::string path_;
  std::function<std::string()> answer_;
  std::vector<std::thread> threads_;
};

}  // namespace tapswitch
