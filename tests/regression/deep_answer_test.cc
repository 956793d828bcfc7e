// An answer that nests deeper than any of a switch is refused.
//
// What failed: tapctl lays an answer out by recursion, so that one of a million levels, from
// whatever listened there, took all of the stack.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "ports/os/file_descriptor.h"
#include "switch/control/client/control_connection.h"
#include "tests/support/socket_peer.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::deep_answer_test {
namespace {

// Calls a method of what answers the first request with lists in lists.
absl::Status CallWithAnswer(size_t levels) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("deep.sock");
  const FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  EXPECT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  auto connection = ControlConnection::Open(path);
  if (!connection.ok()) return connection.status();
  const std::jthread answers([&listener, levels] {
    const FileDescriptor client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string text = R"({"jsonrpc":"2.0","id":1,"result":)" + std::string(levels, '[') +
                             std::string(levels, ']') + "}\n";
    // A socket that is closed before the request was read takes the answer back.
    std::array<char, 4096> request{};
    EXPECT_GT(recv(client.get(), request.data(), request.size(), 0), 0);
    EXPECT_EQ(send(client.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  });
  return connection->Call("port.list", nlohmann::json::object()).status();
}

TEST(DeepAnswerTest, AsDeepAsOneOfASwitch) { EXPECT_TRUE(CallWithAnswer(16).ok()); }

TEST(DeepAnswerTest, Deeper) {
  for (const size_t levels : {40, 1'000'000}) {
    EXPECT_TRUE(absl::IsUnavailable(CallWithAnswer(levels))) << levels;
  }
}

}  // namespace
}  // namespace tapswitch::deep_answer_test
