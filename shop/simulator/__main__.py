from shop.simulator.serve import main

main()
