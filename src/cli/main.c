// SPDX-License-Identifier: Apache-2.0
// The program: picks the command and turns its outcome into an exit code.
#include <stdio.h>

int main(void)
{
    puts("fdp " FDP_VERSION);
    return 0;
}
