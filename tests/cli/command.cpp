#include "cli/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include <doctest/doctest.h>

#include "support/tools.hpp"

extern char** environ;

namespace skep::command {
namespace {

const tools::Scratch& scratch() {
  static const tools::Scratch folder;
  return folder;
}

/// An anonymous file holding `bytes`, at its beginning.
int file_of(std::string_view bytes) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fflush(file);
  const int fd = ::dup(::fileno(file));
  std::fclose(file);
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string contents(int fd) {
  std::string text;
  std::array<char, 65536> chunk;
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = ::read(fd, chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

void append(std::string& to, std::uint32_t value) { to.append(reinterpret_cast<const char*>(&value), sizeof value); }

}  // namespace

Outcome skep(const std::vector<std::string>& arguments, std::string_view input) {
  std::vector<std::string> words{SKEP_COMMAND};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const std::array<int, 3> fds{file_of(input), file_of(""), file_of("")};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int i = 0; i < 3; ++i) posix_spawn_file_actions_adddup2(&actions, fds[static_cast<std::size_t>(i)], i);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, SKEP_COMMAND, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE_MESSAGE(error == 0, SKEP_COMMAND, ": ", std::string(std::strerror(error)));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(fds[0]);
  Outcome outcome;
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = contents(fds[1]);
  outcome.err = contents(fds[2]);
  return outcome;
}

std::optional<std::string> object(const std::string& name) {
  const std::string path = std::string(SKEP_CLI_OBJECTS) + "/" + name + ".bpf.o";
  if (std::filesystem::exists(path)) return path;
  MESSAGE("SKIP: ", path, " was not built, clang-19 is missing");
  return std::nullopt;
}

std::string write_file(const std::string& name, std::string_view bytes) { return scratch().write(name, bytes); }
std::string scratch_path(const std::string& name) {
  const std::string path = scratch().write(name, "");
  std::filesystem::remove(path);
  return path;
}
std::string read_file(const std::string& path) {
  const auto bytes = tools::read_file(path);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : std::string();
}

std::string pcap_bytes(const std::vector<Packet>& packets) {
  std::string file;
  for (const std::uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 262144u, 1u}) append(file, word);
  for (const Packet& packet : packets) {
    const auto size = static_cast<std::uint32_t>(packet.bytes.size());
    for (const std::uint32_t word : {packet.seconds, packet.micros, size, size}) append(file, word);
    file += packet.bytes;
  }
  return file;
}

std::vector<Packet> pcap_packets(std::string_view file) {
  std::vector<Packet> packets;
  for (std::size_t at = 24; at + 16 <= file.size();) {
    std::array<std::uint32_t, 4> words;
    std::memcpy(words.data(), file.data() + at, sizeof words);
    packets.push_back({words[0], words[1], std::string(file.substr(at + 16, words[2]))});
    at += 16 + words[2];
  }
  return packets;
}

}  // namespace skep::command
