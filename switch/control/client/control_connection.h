// A client's connection to the control socket of a switch: sends requests, receives replies and
// events.

#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

class ControlConnection {
 public:
  // JSON that keeps the order in which the switch names things.
  using Json = nlohmann::ordered_json;

  // The default patience in seconds. It is longer than changes take: `port add` waits for the
  // kernel.
  static constexpr int kPatienceSeconds = 10;

  // Connects. Unavailable if no process listens; PermissionDenied if this user may not connect.
  // Calls wait for `patience` seconds.
  [[nodiscard]] static absl::StatusOr<ControlConnection> Open(const std::string& path,
                                                              int patience = kPatienceSeconds);

  // Calls a method and returns its result. InvalidArgument if the switch does not know the method
  // or its parameters; any other code if it refuses, hung up, or did not answer in time. Events
  // that arrive before the reply are dropped.
  [[nodiscard]] absl::StatusOr<Json> Call(std::string_view method, const nlohmann::json& params);

  // Calls a method and hands the text of its result to `write` piece by piece, because results may
  // have megabytes. Cancelled if `write` returns false. Otherwise like Call.
  [[nodiscard]] absl::Status CallAndPassOn(std::string_view method, const nlohmann::json& params,
                                           const std::function<bool(std::string_view)>& write);

  // Waits for the next notification and returns its parameters. Unavailable if the switch hangs up,
  // Cancelled if the reader of the descriptor `output` is gone.
  [[nodiscard]] absl::StatusOr<Json> NextEvent(int output);

  // Waits for the next bytes and returns them unparsed. Unavailable if the switch hangs up,
  // Cancelled if the reader of the descriptor `output` is gone, Aborted if interrupted.
  [[nodiscard]] absl::StatusOr<std::string> NextBytes(int output);

  // Sends a notification, to which there is no reply.
  [[nodiscard]] absl::Status Notify(std::string_view method) const;

  // Returns a file that can be read once the process of the switch has ended; an invalid one where
  // it cannot be seen from here.
  [[nodiscard]] FileDescriptor WatchProcess() const;

  // Makes waiting end with Cancelled, or in NextBytes with Aborted, once `fd` can be read.
  void InterruptBy(int fd) { interrupt_ = fd; }

 private:
  ControlConnection(FileDescriptor socket, int patience)
      : socket_(std::move(socket)), patience_(patience) {}

  [[nodiscard]] absl::Status Send(std::string_view text) const;
  // Sends a request and returns its id.
  [[nodiscard]] absl::StatusOr<int> Request(std::string_view method, const nlohmann::json& params);
  [[nodiscard]] absl::StatusOr<Json> ReadReply(int id);
  [[nodiscard]] absl::Status ReadMore();
  [[nodiscard]] absl::StatusOr<std::string> ReadLine();
  [[nodiscard]] absl::Status PassOn(std::string_view end,
                                    const std::function<bool(std::string_view)>& write);
  [[nodiscard]] absl::StatusOr<Json> ReadObject();
  [[nodiscard]] absl::Status WaitForEvent(int output);
  [[nodiscard]] absl::Status WaitForMore() const;

  FileDescriptor socket_;
  int patience_;  // seconds
  std::string received_;
  size_t searched_ = 0;  // bytes of received_ that have no end of line
  int last_id_ = 0;
  int interrupt_ = -1;
};

// Returns the socket of the switch that the user means: by name or path as given with -B, else by
// $TAPSWITCH_BRIDGE, else the only one that runs. Errors list those that run.
[[nodiscard]] absl::StatusOr<std::string> FindSocket(const std::optional<std::string>& wanted,
                                                     int patience = 1);

// Returns the names of the running bridges; each may take `patience` seconds to answer.
[[nodiscard]] std::vector<std::string> RunningBridges(int patience = 1);

}  // namespace tapswitch
