// other_version later|earlier PROGRAM [ARG]...
//
// Runs PROGRAM, a tapswitchd that takes over from another one, and stands between the two, so that
// each finds the other to be of another version. `later` adds to each object of their messages a
// member that neither knows, and a command. `earlier` takes away what has a default. PROGRAM has
// the process id that this one began with.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/os/unix/descriptor_channel.h"

namespace tapswitch {
namespace {

using nlohmann::json;

constexpr std::string_view kFlag = "--take_over=";
constexpr std::chrono::seconds kPatience(30);

// Indexes of files have to be those of files.
void AddToAll(json& value, bool is_files = false) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) AddToAll(member, name == "files");
    if (!is_files) value["of_later"] = 7;
  } else if (value.is_array()) {
    for (json& element : value) AddToAll(element);
  }
}

void MakeLater(json& message) {
  AddToAll(message);
  if (message.contains("commands")) message["commands"].push_back("bridge set of_later on");
  if (message.contains("version")) message["version"] = "99.0.0";
}

void KeepOnly(json& object, const std::set<std::string>& names) {
  for (auto member = object.begin(); member != object.end();) {
    member = names.contains(member.key()) ? std::next(member) : object.erase(member);
  }
}

// Leaves what no connection or conversation goes on without.
void MakeEarlier(json& message) {
  KeepOnly(message, {"format", "kind", "address", "locks", "control", "keeper", "kernel",
                     "commands", "ports", "entries", "changes", "live", "paused_at", "why"});
  if (!message.contains("live")) return;
  KeepOnly(message["live"], {"ports"});
  for (json& port : message["live"]["ports"]) KeepOnly(port, {"id", "counters"});
}

// False once one of them has ended.
bool PassOn(const DescriptorChannel& from, const DescriptorChannel& to, bool is_later) {
  const auto deadline = DescriptorChannel::Clock::now() + kPatience;
  const auto received = from.Receive(deadline);
  if (!received.ok()) return false;
  json message = json::parse(received->text);
  is_later ? MakeLater(message) : MakeEarlier(message);
  std::vector<int> files;
  for (const FileDescriptor& file : received->files) files.push_back(file.get());
  return to.Send(message.dump(), files, deadline).ok();
}

void StandBetween(const DescriptorChannel& old_one, const DescriptorChannel& new_one,
                  bool is_later) {
  for (;;) {
    std::array<pollfd, 2> ends{{{.fd = old_one.fd(), .events = POLLIN, .revents = 0},
                                {.fd = new_one.fd(), .events = POLLIN, .revents = 0}}};
    if (poll(ends.data(), ends.size(), -1) < 0) return;
    if (ends[0].revents != 0 && !PassOn(old_one, new_one, is_later)) return;
    if (ends[1].revents != 0 && !PassOn(new_one, old_one, is_later)) return;
  }
}

int Run(std::span<char*> words) {
  const bool is_later = std::string_view(words[1]) == "later";
  std::vector<std::string> arguments(words.begin() + 2, words.end());
  auto ends = DescriptorChannel::MakePair();
  if (!ends.ok()) return EXIT_FAILURE;
  for (std::string& argument : arguments) {
    if (!argument.starts_with(kFlag)) continue;
    const DescriptorChannel old_one{FileDescriptor(std::stoi(argument.substr(kFlag.size())))};
    // A grandchild, so that PROGRAM has no child that it does not know.
    if (const pid_t child = fork(); child == 0) {
      if (fork() == 0) {
        { const DescriptorChannel given = std::move(ends->second); }
        StandBetween(old_one, ends->first, is_later);
      }
      _exit(EXIT_SUCCESS);
    }
    argument = std::string(kFlag) + std::to_string(ends->second.fd());
    fcntl(ends->second.fd(), F_SETFD, 0);
  }
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(pointers[0], pointers.data());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace tapswitch

// NOLINTNEXTLINE(bugprone-exception-escape): what is no number and no message ends it
int main(int argc, char** argv) {
  if (argc < 3) return EXIT_FAILURE;
  return tapswitch::Run({argv, static_cast<size_t>(argc)});
}
