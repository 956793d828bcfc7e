// A client of a switch's control socket, which behaves like a script.

#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

class ControlClient {
 public:
  static constexpr const char* kDefaultPath = "/run/tapswitch/br0.sock";

  // Throws if no process listens there.
  explicit ControlClient(const std::string& path = kDefaultPath);

  // Returns the whole reply to a request, with "result" or "error".
  nlohmann::json Request(const std::string& method,
                         const nlohmann::json& params = nlohmann::json::object());

  // Returns the result. An error fails the test.
  nlohmann::json Call(const std::string& method,
                      const nlohmann::json& params = nlohmann::json::object());

  // Returns the message of the error. A result fails the test.
  std::string Refused(const std::string& method, const nlohmann::json& params);

  // Returns the next line; null if none comes within half a minute or the switch hung up.
  nlohmann::json ReadLine();

  // Sends `text` unchanged.
  void Send(std::string_view text) const;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  FileDescriptor socket_;
  std::string unread_;
  int id_ = 0;
};

// Returns the process of the switch that serves clients; nothing while none does.
[[nodiscard]] std::optional<pid_t> ServingProcess();

}  // namespace tapswitch
