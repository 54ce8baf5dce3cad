// The first process of the guest that scripts/referee-guest boots: has kernel_witness judge each object of /list and
// sends its report to the host over the second serial port; the first says how far it is.
//
// /list holds lines NAME FILE. A report goes between lines "object FILE" and "end FILE": one that is cut off has no
// end. Whatever happens the guest goes down at last, or the host's timeout ends it.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kBatch = 16;  // objects for one run of the witness, which reads the kernel's types each time

struct Object {
  std::string name, file;
};

void mount_all() {
  constexpr const char* kKinds[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};
  for (const auto& [kind, folder] : kKinds) {
    ::mkdir(folder, 0755);
    if (::mount(kind, folder, kind, 0, nullptr) != 0) std::perror(folder);
  }
}

/// Bytes go through as they are.
std::FILE* open_port(const char* path) {
  const int port = ::open(path, O_WRONLY | O_NOCTTY);
  termios settings{};
  if (port < 0 || ::tcgetattr(port, &settings) != 0) return nullptr;
  ::cfmakeraw(&settings);
  ::tcsetattr(port, TCSANOW, &settings);
  return ::fdopen(port, "w");
}

std::string report_of(const Object& object) { return "/reports/" + object.file; }

void run_witness(const std::vector<Object>& objects) {
  std::vector<std::string> words{"/witness"};
  for (const Object& each : objects) words.insert(words.end(), {each.name, "/objects/" + each.file, report_of(each)});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execv(arguments[0], arguments.data());
    ::_exit(1);
  }
  while (child > 0 && ::wait(nullptr) != child) continue;
}

void judge(const std::vector<Object>& objects, std::FILE* port) {
  run_witness(objects);
  for (const Object& each : objects) {
    std::ostringstream text;
    text << std::ifstream(report_of(each)).rdbuf();
    std::fprintf(port, "object %s\n%send %s\n", each.file.c_str(), text.str().c_str(), each.file.c_str());
    std::printf("judged %s\n", each.name.c_str());
  }
  std::fflush(port);
  std::fflush(stdout);
}

void judge_all(std::FILE* port) {
  std::ifstream list("/list");
  std::vector<Object> batch;
  for (Object each; list >> each.name >> each.file;) {
    batch.push_back(each);
    if (batch.size() < kBatch) continue;
    judge(batch, port);
    batch.clear();
  }
  judge(batch, port);
}

}  // namespace

int main() {
  mount_all();
  if (std::FILE* port = open_port("/dev/ttyS1"); port != nullptr) {
    judge_all(port);
    ::tcdrain(::fileno(port));
  }
  ::reboot(RB_POWER_OFF);
  return 1;
}
