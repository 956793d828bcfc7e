// The least of HTTP that a scrape takes: GET of one path, answered and closed. Clients are not
// trusted: one thread serves some at once and waits for none of them, each has two seconds at most,
// and one that says nothing makes room for others.

#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/wake_event.h"
#include "switch/control/metrics/http_connection.h"

namespace tapswitch {

class HttpListener {
 public:
  // Clients that are served at once. Where another one comes, the first of those that have not
  // asked yet is closed, or else the first of all.
  static constexpr size_t kMostClients = 64;

  using Answer = std::function<std::shared_ptr<const std::string>()>;

  // Serves clients of `socket`, which listens, does not block, and may be another process's, too.
  // `answer` makes the text at `path`; a thread calls it, which inherits the caller's signal mask.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpListener>> Start(FileDescriptor socket,
                                                                           std::string path,
                                                                           Answer answer);

  // Waits for answers that are being made, and a moment for clients that were accepted. Those that
  // nobody has accepted wait for another process that has the socket, too.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  using Clock = HttpConnection::Clock;
  using Clients = std::list<HttpConnection>;  // the first has been there longest

  HttpListener(FileDescriptor socket, WakeEvent end, std::string path, Answer answer);

  void Run();
  // Waits until there is something to do.
  void Await();
  void BeginToEnd();
  void AcceptClients();
  void MakeRoom();
  void ServeClients();
  [[nodiscard]] HttpAnswer AnswerTo(const std::string& request) const;

  FileDescriptor socket_;
  WakeEvent end_;
  std::string path_;
  Answer answer_;
  // The thread's.
  Clients clients_;
  bool is_ending_ = false;
  bool has_newcomers_ = false;
  std::optional<Clock::time_point> accepts_from_;  // nobody is accepted before
  std::thread thread_;
};

}  // namespace tapswitch
