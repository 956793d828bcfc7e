// A connection to the control socket of a switch: requests out, replies and events in.

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
  // Keeps the order in which the switch names things.
  using Json = nlohmann::ordered_json;

  // Longer than changes take: `port add` waits for the kernel.
  static constexpr int kPatienceSeconds = 10;

  // Unavailable: nobody listens there. PermissionDenied: this user may not. Calls wait for
  // `patience` seconds.
  [[nodiscard]] static absl::StatusOr<ControlConnection> Open(const std::string& path,
                                                              int patience = kPatienceSeconds);

  // The result. InvalidArgument: the switch does not know the method or what it was given; any
  // other code: it refuses, hung up, or is silent for too long. Events that come before the reply are
  // passed over.
  [[nodiscard]] absl::StatusOr<Json> Call(std::string_view method, const nlohmann::json& params);

  // The same, but hands the result's text to `write` piece by piece as it comes: of megabytes
  // nothing else is affordable. Cancelled when `write` returns false.
  [[nodiscard]] absl::Status CallAndPassOn(std::string_view method, const nlohmann::json& params,
                                           const std::function<bool(std::string_view)>& write);

  // The parameters of the next notification. Waits for it; Unavailable when the switch hangs up,
  // Cancelled when nobody reads any more what is written to the descriptor `output`.
  [[nodiscard]] absl::StatusOr<Json> NextEvent(int output);

  // What comes next, as it is. Waits for it; Unavailable when the switch hangs up, Cancelled when
  // nobody reads any more what is written to the descriptor `output`, Aborted when interrupted.
  [[nodiscard]] absl::StatusOr<std::string> NextBytes(int output);

  // Tells the switch, which does not answer.
  [[nodiscard]] absl::Status Notify(std::string_view method) const;

  // From now on waiting ends with Cancelled once there is something to read from `fd`.
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
  size_t searched_ = 0;  // of received_: there is no end of line before
  int last_id_ = 0;
  int interrupt_ = -1;
};

// Which switch is meant: by name or path as given with -B, else by $TAPSWITCH_BRIDGE, else the one
// that runs. Errors say which there are.
[[nodiscard]] absl::StatusOr<std::string> FindSocket(const std::optional<std::string>& wanted,
                                                     int patience = 1);

// The names of the bridges that run; each may take `patience` seconds to let somebody in.
[[nodiscard]] std::vector<std::string> RunningBridges(int patience = 1);

}  // namespace tapswitch
