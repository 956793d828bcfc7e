#include "tests/support/control_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr int kLimitMs = 30'000;

}  // namespace

ControlClient::ControlClient(const std::string& path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

void ControlClient::Send(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t sent = send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::system_error(errno, std::generic_category(), "send");
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

json ControlClient::ReadLine() {
  std::array<char, 65536> part{};
  size_t end = 0;
  while ((end = unread_.find('\n')) == std::string::npos) {
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, kLimitMs) != 1) return nullptr;
    const ssize_t size = recv(socket_.get(), part.data(), part.size(), 0);
    if (size <= 0) return nullptr;
    unread_.append(part.data(), static_cast<size_t>(size));
  }
  json line = json::parse(unread_.substr(0, end), nullptr, false);
  unread_.erase(0, end + 1);
  return line;
}

json ControlClient::Request(const std::string& method, const json& params) {
  const int id = ++id_;
  Send(json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}}.dump() + "\n");
  for (;;) {
    json line = ReadLine();
    if (line.is_null()) {
      ADD_FAILURE() << method << ": no answer";
      return json::object();
    }
    if (line.contains("id") && line["id"] == id) return line;
  }
}

json ControlClient::Call(const std::string& method, const json& params) {
  const json reply = Request(method, params);
  EXPECT_TRUE(reply.contains("result")) << method << params << ": " << reply;
  return reply.value("result", json());
}

std::string ControlClient::Refused(const std::string& method, const json& params) {
  const json reply = Request(method, params);
  EXPECT_TRUE(reply.contains("error")) << method << params << ": " << reply;
  return reply.contains("error") ? reply["error"].value("message", "") : "";
}

std::optional<pid_t> ServingProcess() {
  try {
    // The one who listens may end before it answers.
    ControlClient client;
    client.Send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.list\",\"params\":{}}\n");
    const json reply = client.ReadLine();
    if (!reply.contains("result")) return std::nullopt;
    return reply["result"][0]["pid"].get<pid_t>();
  } catch (const std::exception&) {
    return std::nullopt;  // nobody listens, or the one who did has ended
  }
}

}  // namespace tapswitch
