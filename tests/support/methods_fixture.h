// A switch with one worker, and methods that are called on it. It needs no privileges.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switch/control/apply/running_bridge.h"
#include "switch/control/attach/attacher.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_table.h"
#include "switch/control/methods/observe/captures.h"
#include "switch/control/rpc/monitor.h"
#include "tests/support/forwarding_threads.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch {

class MethodsFixture : public testing::Test {
 protected:
  static constexpr ClientId kClient{1};

  MethodResult Call(std::string_view method,
                    const nlohmann::json& params = nlohmann::json::object()) {
    return CallMethod(context_, method, {.client = kClient, .params = params});
  }

  // The text of the answer, or of the error.
  std::string Answer(std::string_view method,
                     const nlohmann::json& params = nlohmann::json::object()) {
    const MethodResult result = Call(method, params);
    return result.ok() ? result->text() : result.status().ToString();
  }

  // `port add` of a port that needs no privileges, as a line.
  [[nodiscard]] std::string Add(const std::string& name) const {
    return "port add unix:" + name + ",path=" + directory_.Path(name) + '\n';
  }

  TemporaryDirectory directory_;
  ForwardingThreads threads_{1};
  SystemClock clock_;
  std::unique_ptr<EventChannel> events_ = EventChannel::Create().value();
  FdbPublisher fdb_{threads_.bridge(), *events_};
  std::unique_ptr<LinkThread> links_ = LinkThread::Create().value();
  RunningSwitch running_{.commands = threads_.commands(),
                         .events = *events_,
                         .fdb = fdb_,
                         .clock = clock_,
                         .bridge = threads_.bridge(),
                         .protocols = threads_.protocols(),
                         .worker = threads_.primary(),
                         .workers = threads_.workers(),
                         .links = *links_};
  RunningBridge control_{{.name = "br0",
                          .address = MacAddress::FromNumber(0x0200000000FF),
                          .io = "as it comes",
                          .started = {}},
                         running_};
  std::vector<std::string> events_of_clients_;
  Monitor monitor_{[this](ClientId /*client*/, std::string line) {
    events_of_clients_.push_back(std::move(line));
    return true;
  }};
  Captures captures_{control_, running_, nullptr};
  Attacher attacher_{control_, monitor_, running_, {}};
  EventPublisher publisher_{control_, monitor_};
  BridgeConfig initial_;
  MethodContext context_{control_, monitor_, captures_, attacher_, publisher_, initial_};
};

}  // namespace tapswitch
