// A client of a switch's control socket, as a script would be.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

class ControlClient {
 public:
  static constexpr const char* kDefaultPath = "/run/tapswitch/br0.sock";

  // Throws when nobody listens there.
  explicit ControlClient(const std::string& path = kDefaultPath);

  // The whole reply to a request: it has "result" or "error".
  nlohmann::json Request(const std::string& method,
                         const nlohmann::json& params = nlohmann::json::object());

  // Its result; an error is a failure of the test.
  nlohmann::json Call(const std::string& method,
                      const nlohmann::json& params = nlohmann::json::object());

  // Its error's message; a result is a failure of the test.
  std::string Refused(const std::string& method, const nlohmann::json& params);

  // The next line that comes, null when none comes within half a minute or the switch hung up.
  nlohmann::json ReadLine();

  // As it is.
  void Send(std::string_view text) const;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  FileDescriptor socket_;
  std::string unread_;
  int id_ = 0;
};

}  // namespace tapswitch
