// A control socket with clients, and a clock that the test sets.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/rpc/control_socket.h"
#include "tests/support/raw_client.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch {

inline constexpr size_t kMiB = 1U << 20U;

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return now_; }
  void Advance(Ticks span) { now_ = now_ + span; }

 private:
  Tick now_{1000};
};

// Everything happens in one thread: clients write, the socket turns, clients read. A request
// "N" is answered with N bytes and '\n', "quiet" with nothing, all else with itself.
class ControlSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<ControlSocket>> made =
        ControlSocket::Listen({.path = path_, .group = {}}, clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    socket_ = *std::move(made);
    socket_->set_handler([this](ClientId id, std::string_view line) { return Answer(id, line); });
    socket_->set_on_disconnect([this](ClientId id) { disconnected_.push_back(id); });
    socket_->set_on_writable([this](ClientId id) { drained_.push_back(id); });
  }

  std::string Answer(ClientId id, std::string_view line) {
    asked_.push_back(id);
    if (line == "quiet") return "";
    if (!line.empty() && line.find_first_not_of("0123456789") == std::string_view::npos) {
      return std::string(std::stoul(std::string(line)), 'x') + "\n";
    }
    return std::string(line) + "\n";
  }

  void Turn(int times = 1) {
    for (int i = 0; i < times; ++i) socket_->Turn(std::chrono::milliseconds(0));
  }

  // Turns once a tick, as new clients are accepted so many a tick.
  void TurnTicks(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      clock_.Advance(Ticks{1});
      Turn(2);
    }
  }

  RawClient& Connect() {
    clock_.Advance(Ticks{1});  // so that as many as a test wants may connect
    clients_.emplace_back();
    EXPECT_TRUE(clients_.back().Connect(path_));
    Turn();
    return clients_.back();
  }

  // Returns the client's id, which it learns from a request of the client.
  ClientId IdOf(RawClient& client) {
    client.Send("quiet\n");
    Turn(2);
    return asked_.back();
  }

  // Whether a turn waits for its whole timeout. A turn that returns early, with nothing to do,
  // would do so again and again.
  [[nodiscard]] bool Rests() {
    constexpr std::chrono::milliseconds kTimeout{20};
    const auto start = std::chrono::steady_clock::now();
    socket_->Turn(kTimeout);
    return std::chrono::steady_clock::now() - start >= kTimeout;
  }

  // Turns and reads until the client has received `size` bytes, or no more come.
  std::string ReadBytes(RawClient& client, size_t size) {
    std::string all;
    for (int idle = 0; all.size() < size && idle < 100; ++idle) {
      Turn();
      const std::string got = client.Receive(size - all.size());
      if (!got.empty()) idle = 0;
      all += got;
    }
    return all;
  }

  std::string Ask(RawClient& client, const std::string& line) {
    client.Send(line + "\n");
    Turn(2);
    return client.Receive();
  }

  // Fills the memory for output with clients that send requests and do not read. They stay in
  // clients_, as do `waiting` more clients, whose requests are not taken any more.
  void UseUpTheRoom(size_t waiting = 0) {
    constexpr size_t kReply = 2 * kMiB;
    for (size_t i = 0; i < ControlSocket::kMaxHeld / kReply + waiting; ++i) {
      Connect().Send(fmt::format("{}\n", kReply));
      Turn(2);
    }
    ASSERT_GE(socket_->held(), ControlSocket::kMaxHeld);
    ASSERT_LE(socket_->held(), ControlSocket::kMaxHeld + 2 * kReply) << "one reply beyond";
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("br0.sock");
  ManualClock clock_;
  std::unique_ptr<ControlSocket> socket_;
  std::deque<RawClient> clients_;
  std::vector<ClientId> asked_;
  std::vector<ClientId> disconnected_;
  std::vector<ClientId> drained_;
};

}  // namespace tapswitch
