#include "ports/interface/tap/tap_holders.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

namespace fs = std::filesystem;

// Of so many it is said; who has more open is found by lsof(8).
constexpr size_t kMostHolders = 3;

// Calls visit(entry) for each entry of a folder until it returns false.
template <typename Visit>
void ForEachIn(const fs::path& folder, Visit visit) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!visit(*entry)) return;
  }
}

// The driver tells the name in /proc/PID/fdinfo (drivers/net/tun.c, tun_chr_show_fdinfo).
bool IsFileOf(const fs::path& process, const fs::path& number, std::string_view tap) {
  std::error_code error;
  if (fs::read_symlink(process / "fd" / number, error) != "/dev/net/tun") return false;
  std::ifstream lines(process / "fdinfo" / number);
  std::string line;
  while (std::getline(lines, line)) {
    if (line == fmt::format("iff:\t{}", tap)) return true;
  }
  return false;
}

bool Holds(const fs::path& process, std::string_view tap) {
  bool holds = false;
  ForEachIn(process / "fd", [&](const fs::directory_entry& file) {
    holds = IsFileOf(process, file.path().filename(), tap);
    return !holds;
  });
  return holds;
}

bool IsProcess(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::string NameHolders(std::string_view tap) {
  std::string text;
  size_t found = 0;
  ForEachIn("/proc", [&](const fs::directory_entry& process) {
    const std::string number = process.path().filename().string();
    if (!IsProcess(number) || !Holds(process.path(), tap)) return true;
    std::string command;
    std::getline(std::ifstream(process.path() / "comm"), command);
    text += fmt::format("{} {} ({})", text.empty() ? ":" : ",", number, command);
    return ++found < kMostHolders;
  });
  return text;
}

}  // namespace tapswitch
