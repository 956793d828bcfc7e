// Has a new process take over from the switch under test.

#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/control_client.h"
#include "tests/support/process_usage.h"
#include "tests/support/switch_process.h"

namespace tapswitch {

// Writes a script that takes the place of the program, and returns its path.
inline std::string Script(const std::string& text) {
  std::string path = "/run/tapswitch/successor";
  std::ofstream(path) << "#!/bin/bash\n" << text << '\n';
  chmod(path.c_str(), 0755);
  return path;
}

// Calls for an upgrade at the control socket, and follows the process that takes over. Returns the
// answer.
inline nlohmann::json Upgrade(SwitchProcess& process,
                              const nlohmann::json& params = nlohmann::json::object(),
                              const std::string& socket = ControlClient::kDefaultPath) {
  nlohmann::json answer;
  {
    ControlClient client(socket);
    answer = client.Call("bridge.upgrade", params);
  }
  if (!answer.is_object() || !answer.contains("pid")) {
    ADD_FAILURE() << "no answer: " << answer;
    return answer;
  }
  EXPECT_TRUE(process.FollowSuccessor(answer["pid"].get<pid_t>()));
  EXPECT_EQ(answer["not_kept"], nlohmann::json::array());
  EXPECT_FALSE(HasRealTimeThreads(process.pid())) << "they are for the switch-over only";
  return answer;
}

}  // namespace tapswitch
