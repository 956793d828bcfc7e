// The QMP socket of a guest, which behaves like QEMU: one client at a time is served, is greeted,
// and has to negotiate before it may say set_link.

#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/os/unix/accept.h"
#include "ports/os/unix/unix_listener.h"
#include "tests/support/socket_peer.h"

namespace tapswitch {

class FakeQemu {
 public:
  enum class Habit { kPlain, kSilent, kNoisy };

  // The guest has one card, `device`. Throws if the socket cannot be made.
  explicit FakeQemu(const std::string& path, std::string device = "net0",
                    Habit habit = Habit::kPlain)
      : device_(std::move(device)),
        habit_(habit),
        listener_(UnixListener::Bind({.what = "qmp", .path = path}).value()),
        thread_([this] { Serve(); }) {}
  ~FakeQemu() {
    stopping_ = true;
    thread_.join();
  }
  FakeQemu(const FakeQemu&) = delete;
  FakeQemu& operator=(const FakeQemu&) = delete;

  // The states of the link that clients have set, in order.
  [[nodiscard]] std::vector<bool> links() const {
    const std::scoped_lock lock(mutex_);
    return links_;
  }
  [[nodiscard]] bool Has(bool is_up) const {
    const std::vector<bool> all = links();
    return !all.empty() && all.back() == is_up;
  }
  [[nodiscard]] size_t clients() const { return clients_; }

 private:
  static constexpr std::chrono::milliseconds kTurn{5};

  void Serve() {
    while (!stopping_) {
      if (!IsReadable(listener_.fd(), kTurn)) continue;
      Accepted client = AcceptConnection(listener_.fd());
      if (!client.connection.valid()) continue;
      ++clients_;
      Talk(client.connection.get());
    }
  }

  void Talk(int client) {
    if (habit_ != Habit::kSilent) {
      Say(client, {{"QMP", {{"version", "fake"}, {"capabilities", nlohmann::json::array()}}}});
    }
    std::string input;
    bool is_ready = false;
    while (!stopping_) {
      if (!IsReadable(client, kTurn)) continue;
      std::array<char, 512> bytes{};
      const ssize_t size = recv(client, bytes.data(), bytes.size(), 0);
      if (size <= 0) return;
      input.append(bytes.data(), static_cast<size_t>(size));
      for (size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
        const nlohmann::json command = nlohmann::json::parse(input.substr(0, end));
        input.erase(0, end + 1);
        if (habit_ == Habit::kNoisy) Say(client, {{"event", "RTC_CHANGE"}, {"data", {}}});
        Say(client, Answer(command, is_ready));
        is_ready = true;
      }
    }
  }

  nlohmann::json Answer(const nlohmann::json& command, bool is_ready) {
    const auto refuse = [](const std::string& why) {
      return nlohmann::json{{"error", {{"class", "GenericError"}, {"desc", why}}}};
    };
    if (!is_ready) {
      return command.at("execute") == "qmp_capabilities" ? nlohmann::json{{"return", {}}}
                                                         : refuse("negotiate first");
    }
    if (command.at("execute") != "set_link") return refuse("unknown");
    const nlohmann::json& arguments = command.at("arguments");
    if (arguments.at("name") != device_) return refuse("Device 'other' not found");
    const std::scoped_lock lock(mutex_);
    links_.push_back(arguments.at("up").get<bool>());
    return {{"return", {}}};
  }

  static void Say(int client, const nlohmann::json& message) {
    const std::string line = message.dump() + "\r\n";
    static_cast<void>(send(client, line.data(), line.size(), MSG_NOSIGNAL));
  }

  std::string device_;
  Habit habit_;
  UnixListener listener_;
  mutable std::mutex mutex_;
  std::vector<bool> links_;
  std::atomic<size_t> clients_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace tapswitch
